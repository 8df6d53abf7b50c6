import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const executable = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/**
 * Starts the browser for the tests of the widget: Debian's chromium, or the one at `CHROMIUM_PATH`.
 * @throws if it is missing; the error says how to install it
 */
export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(executable)) {
    throw new Error(
      `No browser at ${executable}: install it (Debian: apt-get install -y chromium) or name one in CHROMIUM_PATH`,
    )
  }
  return chromium.launch({
    executablePath: executable,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
