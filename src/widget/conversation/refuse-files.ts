import type { TurnSite } from './show-turn.ts'

/**
 * Says that files cannot be sent, for one that is dragged over the chat or pasted into it, and stops the browser from
 * opening what is dropped there. Text can still be dropped into a field. A chunk of its own: few visitors drag or paste.
 * @param type the first event
 * @param types the types of its data
 */
export function refuseFiles(
  { panel, words }: TurnSite,
  signal: AbortSignal,
  type: 'dragenter' | 'paste',
  types: readonly string[] = [],
): void {
  const { dialog, log, composer } = panel
  if (type === 'paste') {
    refusePaste(types)
    dialog.addEventListener(
      'paste',
      ({ clipboardData }) => refusePaste(clipboardData?.types ?? []),
      { signal },
    )
  } else {
    if (types.includes('Files')) sayNo()
    dialog.addEventListener('dragover', refuseDrag, { signal })
    dialog.addEventListener('drop', refuseDrag, { signal })
  }

  function refuseDrag(event: DragEvent): void {
    const transfer = event.dataTransfer
    const hasFiles = transfer?.types.includes('Files')
    const isField = event.target instanceof Element && event.target.matches('textarea, input')
    if (!transfer || (isField && !hasFiles)) return
    event.preventDefault()
    transfer.dropEffect = 'none'
    if (hasFiles) sayNo()
  }

  function refusePaste(pasted: readonly string[]): void {
    // Text from an office program comes with a picture of itself. Then the text is meant.
    if (pasted.includes('Files') && !pasted.includes('text/plain')) sayNo()
  }

  function sayNo(): void {
    log.follow(() => composer.setNotice(words.noFiles))
    // The notice is not seen beside the past chats.
    if (composer.node.hidden) panel.announce(words.noFiles)
  }
}
