import type { TurnSite } from './show-turn.ts'

/**
 * Says that files cannot be sent, for one that is dragged over the chat or pasted into it, and stops the browser from
 * opening what is dropped there. Text can still be dropped into a field.
 */
export function refuseFiles({ panel, words }: TurnSite, signal: AbortSignal): void {
  const { dialog, log, composer } = panel
  dialog.addEventListener('dragover', refuse, { signal })
  dialog.addEventListener('drop', refuse, { signal })
  dialog.addEventListener('paste', onPaste, { signal })

  function refuse(event: DragEvent): void {
    const transfer = event.dataTransfer
    const hasFiles = transfer?.types.includes('Files')
    const isField = event.target instanceof Element && event.target.matches('textarea, input')
    if (!transfer || (isField && !hasFiles)) return
    event.preventDefault()
    transfer.dropEffect = 'none'
    if (hasFiles) sayNo()
  }

  function onPaste({ clipboardData }: ClipboardEvent): void {
    // Text from an office program comes with a picture of itself. Then the text is meant.
    const types = clipboardData?.types ?? []
    if (types.includes('Files') && !types.includes('text/plain')) sayNo()
  }

  function sayNo(): void {
    log.follow(() => composer.setNotice(words.noFiles))
    // The notice is not seen beside the past chats.
    if (composer.node.hidden) panel.announce(words.noFiles)
  }
}
