/**
 * Calls `onFile` for a file that is dragged over `node` or pasted into it, and stops the browser from opening what is
 * dropped there. Text can still be dropped into a field.
 */
export function refuseFiles(node: HTMLElement, onFile: () => void): void {
  const refuse = (event: DragEvent) => {
    const transfer = event.dataTransfer
    const hasFiles = transfer?.types.includes('Files')
    const isField = event.target instanceof Element && event.target.matches('textarea, input')
    if (!transfer || (isField && !hasFiles)) return
    event.preventDefault()
    transfer.dropEffect = 'none'
    if (hasFiles) onFile()
  }
  node.addEventListener('dragover', refuse)
  node.addEventListener('drop', refuse)
  node.addEventListener('paste', ({ clipboardData }) => {
    // Text from an office program comes with a picture of itself. Then the text is meant.
    const types = clipboardData?.types ?? []
    if (types.includes('Files') && !types.includes('text/plain')) onFile()
  })
}
