/** A token or a connection string: no log of any test may hold one. */
const credential = /vst_[\w-]{43}|\beyJ[\w-]+\.[\w-]+\.|postgres(ql)?:\/\/\S+:\S+@/

export function expectNoCredential(lines: readonly string[]): void {
  const line = lines.find((each) => credential.test(each))
  if (line !== undefined) throw new Error(`a credential is in the log: ${line}`)
}
