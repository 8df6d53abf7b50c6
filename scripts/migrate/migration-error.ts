/** The message is all that the owner needs: the command prints it without a stack. */
export class MigrationError extends Error {
  override name = 'MigrationError'
}
