/** The message is all that a developer needs: the command prints it without a stack. */
export class DevError extends Error {
  override name = 'DevError'
}
