import { secretFault } from './secret-fault.ts'

const form =
  'is not of the form postgresql://user:password@host/database (special characters of the password are percent-encoded)'

/**
 * Says what is wrong with a connection string, to follow its name; undefined if nothing is. The Worker, `npm run dev` and
 * `npm run migrate` share this rule. The message never repeats the value, which contains a password.
 * @param isPasswordOptional for a server on this machine, which may trust its users without a password
 */
export function databaseUrlFault(
  value: string,
  { isPasswordOptional = false } = {},
): string | undefined {
  const fault = secretFault(value)
  if (fault !== undefined) return fault
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || isSpilled(url)) return form
  if (!/^[!-~]+$/.test(value)) return 'must have all characters percent-encoded that are not ASCII'
  if (!isDecodable(value))
    return 'has a % that begins no percent-encoded character: a % itself is written %25'
  const { username, password, hostname, pathname } = url
  if ([username, hostname, pathname.slice(1)].includes(''))
    return `must name a user, a password, a host and a database: it ${form}`
  if (password === '' && !(isPasswordOptional && isLoopbackHost(hostname)))
    return 'must name a password: only a server on this machine may do without, in npm run dev and npm run migrate'
  return undefined
}

export function isLoopbackHost(hostname: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname.toLowerCase())
}

/** An unescaped / ? or # in the password ends the host too early: the rest of the password would be taken for a path. */
function isSpilled({ pathname, search, hash }: URL): boolean {
  return (pathname + search + hash).includes('@')
}

function isDecodable(value: string): boolean {
  try {
    decodeURIComponent(value)
    return true
  } catch {
    return false
  }
}
