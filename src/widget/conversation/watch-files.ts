import type { TurnSite } from './show-turn.ts'

/** Loads the refusal of files with the first drag, and with the first paste. Without its chunk nothing is said. */
export function watchFiles(site: TurnSite, signal: AbortSignal): void {
  for (const type of ['dragenter', 'paste'] as const) {
    const load = ({ clipboardData, dataTransfer }: Partial<ClipboardEvent & DragEvent>) => {
      // They cannot be read after the event.
      const types = (clipboardData ?? dataTransfer)?.types
      void import('./refuse-files.ts').then(
        ({ refuseFiles }) => refuseFiles(site, signal, type, types),
        () => {},
      )
    }
    site.panel.dialog.addEventListener(type, load, { once: true, signal })
  }
}
