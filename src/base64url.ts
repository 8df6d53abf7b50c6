/** Base64 for URLs, without padding (RFC 4648, 5). @param binary a string of bytes, each as one UTF-16 unit */
export function base64url(binary: string): string {
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
