import { describe, expect, test } from 'vitest'
import { clientAddress } from '../../../src/http/caller.ts'

describe('the address of a client', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:0207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:1::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1', 'fe80:0:0:0::/64'],
    ['', undefined],
    ['unknown', undefined],
    ['192.0.2', undefined],
    ['192.0.2.7, 192.0.2.8', undefined],
    ['2001:db8::1::2', undefined],
    ['2001:db8::1]/@evil.example', undefined],
  ])('%j is %j', (told, address) => {
    expect(clientAddress(new Headers({ 'cf-connecting-ip': told }))).toBe(address)
  })

  test('is unknown if nobody reports it', () => {
    expect(clientAddress(new Headers({ 'x-forwarded-for': '192.0.2.7' }))).toBeUndefined()
  })
})
