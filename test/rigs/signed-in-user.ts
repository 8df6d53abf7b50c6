import { SignJWT } from 'jose'

/** For the Worker's setting `AUTH_JWT_SECRET`. */
export const jwtSecret = 'a-secret-that-only-this-test-knows-0123456789'

/** The token that a site's own login gives to the user `sub`. */
export function signIn(sub: string): Promise<string> {
  return new SignJWT({ sub })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(jwtSecret))
}
