import { type BareEnv, type BareRequest, callModel } from './bare-worker.ts'

/** A bare Worker that passes the model's stream through and does nothing else. */
// oxlint-disable-next-line import/no-default-export -- workerd reads it
export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const { message } = (await request.json()) as BareRequest
    const { body } = await callModel(env, [{ role: 'user', content: message }])
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  },
}
