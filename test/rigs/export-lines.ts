import { expect } from 'vitest'
import type { ExportLine } from '../../src/protocol.ts'
import type { Client } from './client.ts'

/** The lines of one answer to `GET /v1/export`, each of which must be JSON and end with a line break. */
export async function exportAnswer(client: Client, cursor?: string): Promise<ExportLine[]> {
  const query = cursor === undefined ? '' : `?cursor=${cursor}`
  const response = await client.request('GET', `/v1/export${query}`)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return parseLines(text)
}

export function parseLines(text: string): ExportLine[] {
  expect(text.endsWith('\n')).toBe(true)
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The last cursor of an export, from which it continues. */
export function lastCursor(lines: readonly ExportLine[]): string | undefined {
  return lines.findLast((line) => line.type === 'more')?.cursor
}

/** The exported sessions and messages of an export, which must be complete. */
export function exportedData(lines: readonly ExportLine[]) {
  const sessions = lines.filter((line) => line.type === 'session')
  const messages = lines.filter((line) => line.type === 'message')
  const counts = { sessions: sessions.length, messages: messages.length }
  expect(lines.at(-1)).toEqual({ type: 'end', ...counts })
  expect(new Set(sessions.map(({ id }) => id)).size).toBe(sessions.length)
  const told = new Set<string>()
  for (const line of lines) {
    if (line.type === 'session') told.add(line.id)
    // The session comes before its messages.
    if (line.type === 'message') expect(told).toContain(line.session_id)
  }
  return { sessions, messages }
}
