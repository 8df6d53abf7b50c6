import { expect, test } from 'vitest'
import { isKnownNoise } from '../../../scripts/dev/is-known-noise.ts'

const lookup =
  'e = rust/worker/ffi.rs:110: failed: failed to lookup address information: Name or service not known'
const stack =
  'stack: /a/workerd@26b6840 /a/workerd@3739630; sentryErrorContext = jsgInternalError; wdErrId = o06bjm3c291dfgvbuhbnup0j'

test('only the report of workerd that a host was not found is left out of the log', () => {
  expect(isKnownNoise(`${lookup}\n${stack}`)).toBe(true)
  const ofMacos = lookup.replace('Name', 'nodename nor servname provided, or not known')
  expect(isKnownNoise(`${ofMacos}\n${stack}`)).toBe(true)
})

test.each([
  lookup,
  stack,
  `${lookup}\n${stack}\n${stack}`,
  `${lookup}\nmine\n${stack}`,
  `mine\n${lookup}\n${stack}`,
  `${lookup.replace('failed to lookup address information', 'connection refused')}\n${stack}`,
  `e = kj/async.c++:1: failed: expected false\n${stack}`,
  `✘ [ERROR] Uncaught Error: ${lookup}`,
  '{"route":"/v1/chat","status":502}',
])('every other line is shown: %s', (line) => {
  expect(isKnownNoise(line)).toBe(false)
})
