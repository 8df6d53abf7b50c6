import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, vi } from 'vitest'

export interface Dev {
  child: ChildProcess
  output(): string
  /** Resolves with the Worker's origin once the command prints it. */
  ready(): Promise<string>
  /** The exit code of the command. */
  exited: Promise<number | null>
}

/**
 * Starts the script of `npm run dev` on a free port, with its data in this folder.
 * @param settings the file for settings, in this folder
 * @param shell whether to start it through a shell, as npm does
 */
export function startDev(
  folder: string,
  args: string[] = [],
  { shell = false, settings = 'none' } = {},
): Dev {
  const options = ['--data', folder, '--vars', join(folder, settings), '--port', '0', ...args]
  const command = [process.execPath, 'scripts/dev.ts', ...options]
  const env = { ...process.env, PORT: '', OPENAI_API_KEY: 'sk-of-the-shell' }
  const child = shell
    ? // The second command keeps the shell alive: it would replace itself with an only one.
      spawn('sh', ['-c', `"$@"; true`, 'sh', ...command], { env })
    : spawn(command[0] ?? '', command.slice(1), { env })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  return {
    child,
    output: () => text,
    exited: once(child, 'close').then(([code]) => code as number | null),
    ready: async () => {
      await vi.waitFor(
        () => {
          if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${text}`)
          expect(text).toContain('Ctrl-C stops it')
        },
        { timeout: 50_000, interval: 50 },
      )
      return /Page +(http:\S+)/.exec(text)?.[1] ?? ''
    },
  }
}
