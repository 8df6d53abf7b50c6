import { expect } from 'vitest'

/** A problem object as a caller of the API sees it. */
export interface ProblemJson {
  status: number
  code: string
  title: string
  request_id: string
  errors?: { field: string; message: string }[]
  [member: string]: unknown
}

/** Reads a response that must be a complete problem: type, code, title, request id, not cached. */
export async function problemOf(response: Response): Promise<ProblemJson> {
  const text = await response.text()
  expect(response.headers.get('content-type'), text).toBe('application/problem+json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const problem = JSON.parse(text) as ProblemJson
  expect(problem).toMatchObject({
    status: response.status,
    code: expect.stringMatching(/^[a-z_]+$/),
    title: expect.stringMatching(/./),
    request_id: expect.stringMatching(/^[\w-]{10,}$/),
  })
  expect(response.headers.get('x-request-id')).toBe(problem.request_id)
  return problem
}

/** The fields that a problem names. */
export function fieldsOf(problem: ProblemJson): string[] {
  return [...new Set(problem.errors?.map(({ field }) => field))]
}
