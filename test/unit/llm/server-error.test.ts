import { expect, test } from 'vitest'
import { readServerError } from '../../../src/llm/server-error.ts'

test.each([
  [{ error: { message: 'a', type: 't', code: 'c' } }, { message: 'a', type: 't', code: 'c' }],
  [{ error: { message: 'a', param: 'p' } }, { message: 'a', field: 'p' }],
  [{ error: 'a' }, { message: 'a' }],
  [{ error: true, message: 'a', code: 500 }, { message: '' }],
  [{ error: { error: { message: 'a', code: 'c' } } }, { message: 'a', code: 'c' }],
  [
    [{ error: { code: 429, message: 'a', status: 'S' } }],
    { message: 'a', code: '429', type: 'S', status: 429 },
  ],
  [
    { object: 'error', message: 'a', type: 't', code: 400 },
    { message: 'a', type: 't', code: '400', status: 400 },
  ],
  [
    { type: 'error', message: 'a' },
    { message: 'a', type: 'error' },
  ],
  [{ detail: 'a' }, { message: 'a' }],
  [{ detail: [{ msg: 'a', type: 't' }] }, { message: 'a', type: 't' }],
  [
    { detail: [{ msg: 'a', type: 't', loc: ['body', 0, 'p'] }] },
    { message: 'a', type: 't', field: 'body.0.p' },
  ],
  [
    { object: 'error', message: { detail: [{ msg: 'a', type: 't', loc: ['p'] }] }, type: 'e' },
    { message: 'a', type: 't', field: 'p' },
  ],
  [
    { errors: [{ message: 'a', code: 7003 }], success: false },
    { message: 'a', code: '7003' },
  ],
  [
    { base_resp: { status_code: 1004, status_msg: 'a' }, choices: null },
    { message: 'a', code: '1004' },
  ],
  [
    { message: 'a', code: 'c' },
    { message: 'a', code: 'c' },
  ],
  [{ error: { message: 'a', metadata: { raw: 'b' } }, choices: [] }, { message: 'a b' }],
])('reads %j', (json, error) => {
  expect(readServerError(json)).toEqual(error)
})

test.each([
  [null],
  [7],
  [[]],
  [{}],
  [{ error: null }],
  [{ error: {} }],
  [{ error: '' }],
  [{ error: false }],
  [{ message: 'a' }],
  [{ status: 'queued', message: 'You are number 3' }],
  [{ error: { message: null, code: null }, choices: [] }],
  [{ choices: [], message: 'a', code: 200 }],
  [{ base_resp: { status_code: 0, status_msg: '' } }],
  [{ errors: [], success: true }],
])('sees none in %j', (json) => {
  expect(readServerError(json)).toBeUndefined()
})
