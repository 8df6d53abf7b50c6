import { readdir } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ImportProbe as Probe, refusedImports } from '../../rigs/refused-imports.ts'

/** Files of `turn` with its types, which the database layer uses. */
const turnTypes = ['turn/turn', 'turn/turn-end']

/**
 * The rooms that each room of src may import. A room is a folder or a file of src, without `.ts`; the files named
 * `protocol-…` belong to the room `protocol`. .oxlintrc.json must refuse every other import.
 */
const directions: Record<string, { values?: string[]; types?: string[] }> = {
  index: { values: ['app', 'deps', 'deps-cache', 'live-reply', 'retention'] },
  'live-reply': { values: ['http'], types: ['deps'] },
  app: { values: ['http', 'errors'], types: ['deps'] },
  deps: { values: ['auth', 'db', 'llm', 'turn', ...turnTypes, 'env', 'errors', 'limits'] },
  'deps-cache': { types: ['deps'] },
  env: { values: ['errors', 'origin'] },
  retention: { values: ['db', 'errors', 'limits'], types: ['deps'] },
  http: {
    values: [
      'auth',
      'db',
      'turn',
      ...turnTypes,
      'protocol',
      'errors',
      'limits',
      'origin',
      'base64url',
    ],
    types: ['deps'],
  },
  auth: { values: ['protocol', 'errors', 'base64url', 'stored-text'] },
  turn: { values: ['db', 'llm', 'protocol', 'errors', 'limits', 'base64url'] },
  db: { values: ['errors', 'limits'], types: ['protocol', ...turnTypes] },
  llm: { values: ['errors'] },
  widget: { values: ['limits'], types: ['protocol'] },
  protocol: { values: ['limits', 'stored-text'], types: ['errors'] },
  'stored-text': {},
  base64url: {},
  errors: {},
  limits: {},
  origin: {},
  'visible-text': {},
}

/** Every room may import it. */
const common = 'visible-text'

/** Folders of src; the other rooms are files. */
const folders = ['http', 'auth', 'turn', 'db', 'llm', 'widget']
const subfolders: Record<string, string[]> = { http: ['routes', 'middleware'] }

const roomOf = (entry: string) => entry.replace(/^protocol-.*/, 'protocol').replace(/\.ts$/, '')

/** An import of each other room from each place in a room, as a value and as a type. */
function directionProbes(): Probe[] {
  const rooms = [...Object.keys(directions), ...turnTypes]
  return Object.entries(directions).flatMap(([room, { values = [], types = [] }]) => {
    const isFolder = folders.includes(room)
    const inside = ['', 'deep/', ...(subfolders[room] ?? []).map((name) => `${name}/`)]
    const places = isFolder ? inside.map((folder) => `${room}/${folder}probe`) : [room]
    return places.flatMap((place) =>
      rooms
        .filter((target) => target !== room && !target.startsWith(`${room}/`))
        .flatMap((target) => {
          const up = isFolder ? '../'.repeat(place.split('/').length - 1) : './'
          const path = `${up}${target}${folders.includes(target) ? '/x' : ''}.ts`
          const from = `src/${place}.ts`
          const isValueAllowed = target === common || values.includes(target)
          return [
            { from, statement: `import { $ } from '${path}'`, isAllowed: isValueAllowed },
            { from, statement: `export { $ } from '${path}'`, isAllowed: isValueAllowed },
            {
              from,
              statement: `import type { $ } from '${path}'`,
              isAllowed: isValueAllowed || types.includes(target),
            },
          ]
        }),
    )
  })
}

const places = ['index', ...folders.flatMap((room) => [`${room}/probe`, `${room}/deep/probe`])]

/** Imports that src may not contain in any room. */
const outsideProbes: Probe[] = places.flatMap((place) => {
  const up = '../'.repeat(place.split('/').length)
  const statements = [
    "import $ from 'node:fs'",
    "import type { $ } from 'fs'",
    "const $ = await import('node:fs')",
    `import { $ } from '${up}scripts/x.ts'`,
    `import type { $ } from '${up}test/rigs/x.ts'`,
    `const $ = await import('${up}scripts/dev/x.ts')`,
    `import { $ } from '${up}src/limits.ts'`,
  ]
  return statements.map((statement) => ({ from: `src/${place}.ts`, statement, isAllowed: false }))
})

const probe = (from: string, path: string, isAllowed: boolean): Probe => ({
  from,
  statement: `import { $ } from '${path}'`,
  isAllowed,
})

const otherProbes: Probe[] = [
  probe('src/http/routes/probe.ts', './chat.ts', false),
  probe('src/http/routes/probe.ts', '../routes/chat.ts', false),
  probe('src/http/routes/probe.ts', '../middleware/identity.ts', true),
  probe('src/http/routes/probe.ts', '../json.ts', true),
  probe('src/http/middleware/probe.ts', '../routes/chat.ts', false),
  probe('src/http/middleware/probe.ts', './identity.ts', true),
  probe('src/http/probe.ts', './routes/chat.ts', false),
  probe('src/http/probe.ts', './app-env.ts', true),
  probe('src/http/protocols/probe.ts', '../app-env.ts', true),
  probe('src/db/turns/probe.ts', '../database.ts', true),
  probe('src/db/probe.ts', 'kysely', true),
  probe('src/widget/panel/probe.ts', '../dom/dom.ts', true),
  probe('src/widget/panel/probe.ts', 'zod', false),
  probe('src/widget/panel/probe.ts', 'zod/mini', false),
  probe('scripts/probe.ts', '../test/rigs/x.ts', false),
  probe('scripts/dev/probe.ts', '../../test/rigs/x.ts', false),
  probe('scripts/dev/probe.ts', '../../src/db/schema.ts', true),
  probe('scripts/dev/probe.ts', 'node:fs', true),
  probe('test/unit/probe.ts', '../../src/db/schema.ts', true),
  probe('test/unit/probe.ts', '../../scripts/x.ts', true),
]

const betweenRooms = directionProbes()
const probes = [...betweenRooms, ...outsideProbes, ...otherProbes]

let refused: Set<Probe>
beforeAll(async () => {
  refused = await refusedImports(probes)
})

/** The imports among these that oxlint treats wrongly. */
function wrong(isOf: (probe: Probe) => boolean): string[] {
  return probes
    .filter((each) => isOf(each) && refused.has(each) === each.isAllowed)
    .map(
      ({ from, statement, isAllowed }) =>
        `${isAllowed ? 'refused' : 'let through'} in ${from}: ${statement}`,
    )
}

test('every room of src has its directions', async () => {
  const entries = (await readdir('src')).filter((name) => !name.endsWith('.md'))
  const rooms = [...new Set(entries.map(roomOf))]
  expect(rooms.toSorted()).toEqual(Object.keys(directions).toSorted())
})

describe.each(Object.keys(directions))('%s', (room) => {
  test('may import what it builds on, and nothing else of src', () => {
    const isOwn = (each: Probe) => new RegExp(`^src/${room}(/|\\.ts$)`).test(each.from)
    expect(betweenRooms.some(isOwn)).toBe(true)
    expect(wrong((each) => isOwn(each) && betweenRooms.includes(each))).toEqual([])
  })
})

test('src may not import scripts, tests or modules of Node', () => {
  expect(wrong((each) => outsideProbes.includes(each))).toEqual([])
})

test('only app may import routes, scripts may not import tests, and the widget may not import zod', () => {
  expect(wrong((each) => otherProbes.includes(each))).toEqual([])
})
