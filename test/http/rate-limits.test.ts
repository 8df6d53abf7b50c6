import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient, newVisitor } from '../rigs/client.ts'
import { problemOf } from '../rigs/problem.ts'
import { startRig } from '../rigs/start-rig.ts'
import { configuredRateLimits, startWorker, type TestWorker } from '../rigs/start-worker.ts'

/*
 * Local windows begin at each full minute, also in the middle of a test. So no test depends on the answer to one certain
 * request.
 */
const addressLimit = 40
const userLimit = 10

let worker: TestWorker
beforeAll(async () => {
  worker = await startWorker({
    rateLimits: {
      ADDRESS_RATE_LIMITER: addressLimit,
      USER_RATE_LIMITER: userLimit,
      JOIN_RATE_LIMITER: userLimit,
    },
  })
})
beforeEach(() => worker.clear())
afterAll(() => worker.close())

type Headers = Record<string, string>

const hex = () => Math.floor(Math.random() * 0x10000).toString(16)
/** A new address of the documentation range. */
const newAddress = () => `2001:db8:${hex()}:${hex()}::1`

const from = (address: string): Headers => ({ 'cf-connecting-ip': address })

/** A request that costs the Worker nothing: a 401 until the limit is reached. */
function knock(headers: Headers): Promise<Response> {
  return createClient(worker.url).request('GET', '/v1/sessions', undefined, headers)
}

/**
 * Sends requests until one exceeds the limit.
 * @returns that answer, and how many requests passed before it
 */
async function untilLimited(limit: number, send: (nth: number) => Promise<Response>) {
  let passed = 0
  // If a new window begins meanwhile, as many pass once more.
  while (passed <= 2 * limit) {
    const first = passed
    const answers = await Promise.all(Array.from({ length: 10 }, (_, nth) => send(first + nth)))
    const refused = answers.find(({ status }) => status === 429)
    passed += answers.filter(({ status }) => status !== 429).length
    const others = answers.filter((each) => each !== refused)
    await Promise.all(others.map((each) => each.arrayBuffer()))
    if (refused) return { refused, passed }
  }
  throw new Error(`${passed} requests came through`)
}

/** The answer to a request from an address that has reached its limit. */
async function whileLimited(address: string, send: () => Promise<Response>): Promise<Response> {
  for (;;) {
    await untilLimited(addressLimit, () => knock(from(address)))
    worker.clear()
    const response = await send()
    if (response.status === 429) return response
    // A new window began meanwhile.
    await response.arrayBuffer()
  }
}

describe('an address', () => {
  test('is limited by a problem with Retry-After', async () => {
    const address = newAddress()
    const { refused, passed } = await untilLimited(addressLimit, () => knock(from(address)))
    expect(passed).toBeGreaterThanOrEqual(addressLimit)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await problemOf(refused)).toMatchObject({
      status: 429,
      code: 'rate_limited',
      retry_after: 60,
    })
    const isLimit = (line: string) => line.includes('"code":"rate_limited"')
    await vi.waitUntil(() => worker.logs().some(isLimit), { timeout: 5_000 })
    expect(JSON.parse(worker.logs().find(isLimit) ?? '')).toMatchObject({
      route: '/v1/sessions',
      status: 429,
      fault: { name: 'Problem', hint: 'ADDRESS_RATE_LIMITER' },
    })
    expect(worker.logs().join()).not.toContain(address)
  })

  test('that is limited reaches neither the database nor the model', async () => {
    const visitor = await newVisitor(worker.url)
    const address = newAddress()
    const turn = () => visitor.request('POST', '/v1/chat', { message: 'Hello' }, from(address))
    expect((await problemOf(await whileLimited(address, turn))).code).toBe('rate_limited')
    expect(worker.timeline).toEqual([])
  })

  test('that is limited affects neither others nor /health/live', async () => {
    const address = newAddress()
    const live = () =>
      createClient(worker.url).request('GET', '/health/live', undefined, from(address))
    await whileLimited(address, () => knock(from(address)))
    expect((await knock(from(newAddress()))).status).toBe(401)
    expect((await live()).status).toBe(200)
  })

  test('is the one that Cloudflare reports, and no header that a client may write', async () => {
    const address = newAddress()
    const disguised = (nth: number) => ({
      ...from(address),
      'x-forwarded-for': `203.0.113.${nth % 256}, 10.0.0.${nth % 256}`,
      'x-real-ip': `198.51.100.${nth % 256}`,
      forwarded: `for=192.0.2.${nth % 256}`,
      'true-client-ip': newAddress(),
      'cf-connecting-ipv6': newAddress(),
      'x-client-ip': newAddress(),
      authorization: `Bearer ${nth}`,
      'user-agent': `${nth}`,
    })
    const { refused } = await untilLimited(addressLimit, (nth) => knock(disguised(nth)))
    expect((await problemOf(refused)).code).toBe('rate_limited')
  })

  test('of IPv6 is limited by its /64, in every spelling', async () => {
    const network = ['2001', 'db8', hex(), hex()]
    const written = (nth: number) => {
      const host = [hex(), hex(), hex(), (nth % 0x10000).toString(16)]
      const groups = [...network, ...host]
      const spellings = [
        groups.join(':'),
        groups.join(':').toUpperCase(),
        groups.map((group) => group.padStart(4, '0')).join(':'),
        `${network.join(':')}::${nth.toString(16)}`,
        `${network.join(':')}::192.0.2.${nth % 256}`,
      ]
      return spellings[nth % spellings.length] ?? ''
    }
    const { refused } = await untilLimited(addressLimit, (nth) => knock(from(written(nth))))
    expect((await problemOf(refused)).code).toBe('rate_limited')
    const neighbour = [
      ...network.slice(0, 3),
      (Number.parseInt(network[3] ?? '', 16) ^ 1).toString(16),
    ]
    expect((await knock(from(`${neighbour.join(':')}::1`))).status).toBe(401)
  })
})

describe('a user', () => {
  /** A request that is refused for its body, at no cost, until the limit is reached. */
  const empty = (client: ReturnType<typeof createClient>) =>
    client.request('POST', '/v1/chat', {}, from(newAddress()))

  test('is limited in turns, from whatever address, and in nothing else', async () => {
    const user = await newVisitor(worker.url)
    const { refused, passed } = await untilLimited(userLimit, () => empty(user))
    expect(passed).toBeGreaterThanOrEqual(userLimit)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect((await problemOf(refused)).code).toBe('rate_limited')
    expect(worker.timeline).toEqual([])
    await user.expect(200, 'GET', '/v1/sessions')
  })

  test('is limited in joins, from whatever address and of whatever reply, apart from turns', async () => {
    const user = await newVisitor(worker.url)
    const join = (nth: number) => {
      const session = `/v1/sessions/${crypto.randomUUID()}`
      const path =
        nth % 2 ? `${session}/stream` : `${session}/messages/${crypto.randomUUID()}/stream`
      return user.request('GET', path, undefined, from(newAddress()))
    }
    const { refused, passed } = await untilLimited(userLimit, join)
    expect(passed).toBeGreaterThanOrEqual(userLimit)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await problemOf(refused)).toMatchObject({ code: 'rate_limited', retry_after: 60 })
    expect((await empty(user)).status).toBe(400)
    await user.expect(200, 'GET', '/v1/sessions')
  })

  test('that is limited does not affect others', async () => {
    const user = await newVisitor(worker.url)
    const other = await newVisitor(worker.url)
    await untilLimited(userLimit, () => empty(user))
    expect((await empty(other)).status).toBe(400)
  })
})

test('the limits of wrangler.toml are counted separately, in periods as long as Retry-After', () => {
  const configured = configuredRateLimits()
  expect(configured.map(({ name }) => name)).toEqual([
    'ADDRESS_RATE_LIMITER',
    'USER_RATE_LIMITER',
    'JOIN_RATE_LIMITER',
  ])
  expect(configured.map(({ simple }) => simple.period)).toEqual([60, 60, 60])
  expect(new Set(configured.map(({ namespace_id }) => namespace_id)).size).toBe(3)
})

test('a limiter that fails lets requests pass, and is logged', async () => {
  const broken = await startRig({
    ADDRESS_RATE_LIMITER: 'no limiter',
    USER_RATE_LIMITER: 'no limiter',
    JOIN_RATE_LIMITER: 'no limiter',
  })
  try {
    const user = await newVisitor(broken.url)
    const body = { message: 'Hello' }
    const response = await user.request('POST', '/v1/chat', body, from(newAddress()))
    expect(response.status).toBe(200)
    const { session_id } = await response.json()
    const stream = `/v1/sessions/${session_id}/stream`
    expect((await user.request('GET', stream, undefined, from(newAddress()))).status).toBe(204)
    await vi.waitUntil(() => broken.logs().some((line) => line.includes('JOIN_RATE_LIMITER')))
    const lines = broken.logs().map((line) => JSON.parse(line))
    for (const limiter of ['ADDRESS_RATE_LIMITER', 'USER_RATE_LIMITER', 'JOIN_RATE_LIMITER'])
      expect(lines).toContainEqual({
        request_id: expect.any(String),
        limiter,
        fault: expect.objectContaining({ name: 'TypeError' }),
      })
  } finally {
    await broken.close()
  }
})
