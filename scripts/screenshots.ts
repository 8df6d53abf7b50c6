import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { launchBrowser } from './dev/launch-browser.ts'
import { ask, type Scene, scenes } from './screenshots/scenes.ts'

/**
 * `npm run screenshots [-- <folder>]` takes pictures of the widget on the demo page, as a visitor sees it, with a Worker, a
 * database and an offline model of its own. The default folder is `.data/screenshots`.
 */
const folder = process.argv[2] ?? '.data/screenshots'

const window = { width: 1200, height: 740 }

/** Starts a Worker with everything it needs, as `npm run dev` does, but without the developer's settings. */
async function startSite(dir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const vars = join(dir, 'vars')
  await writeFile(vars, '')
  const dev = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('dev.ts', import.meta.url)),
      '--port',
      '0',
      '--data',
      join(dir, 'data'),
      '--vars',
      vars,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<void>((resolve) => dev.once('exit', () => resolve()))
  const stop = async () => {
    dev.kill('SIGINT')
    await ended
  }
  for await (const line of createInterface(dev.stdout)) {
    const url = /Page +(http\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    dev.stdout.resume()
    return { url, stop }
  }
  throw new Error('npm run dev has ended')
}

async function take(browser: Browser, url: string, name: string, scene: Scene): Promise<void> {
  const context = await browser.newContext({
    viewport: window,
    colorScheme: 'light',
    ...scene.context,
  })
  const page = await context.newPage()
  // The screen shows the visitor's words; the request also tells the offline model what to reply.
  const replies = new Map(scene.asks)
  await page.route('**/v1/chat', async (route, request) => {
    const body: { message: string } = request.postDataJSON()
    const [text, fault = ''] = replies.get(body.message)?.split(/(?=\[\[fault)/) ?? []
    const wanted = text?.startsWith('[[') ? text : `[[reply ${JSON.stringify(text?.trim())}]]`
    const message = `${body.message}\n${wanted} ${fault}`
    await route.continue({ postData: JSON.stringify({ ...body, message }) })
  })
  await page.goto(url)
  await scene.prepare?.(page)
  for (const [question] of scene.asks ?? []) {
    await page.locator('.message.is-open').waitFor({ state: 'detached' })
    await ask(question)(page)
  }
  await scene.finish?.(page)
  if (name !== 'streaming') await page.locator('.message.is-open').waitFor({ state: 'detached' })
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
  await context.close()
}

await mkdir(folder, { recursive: true })
const dir = await mkdtemp(join(tmpdir(), 'screenshots-'))
const site = await startSite(dir)
const browser = await launchBrowser()
try {
  for (const [name, scene] of Object.entries(scenes)) await take(browser, site.url, name, scene)
  console.log(`${Object.keys(scenes).length} pictures in ${folder}`)
} finally {
  await browser.close()
  await site.stop()
  await rm(dir, { recursive: true })
}
