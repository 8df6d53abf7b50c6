import { type BareEnv, type BareRequest, callModel } from './bare-worker.ts'

/** A bare Worker that copies the model's stream piece by piece, as any Worker must that looks at it. */
// oxlint-disable-next-line import/no-default-export -- workerd reads it
export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const { message } = (await request.json()) as BareRequest
    const { body } = await callModel(env, [{ role: 'user', content: message }])
    if (body === null) throw new Error('The model sent no body')
    const reader = body.getReader()
    const copy = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(copy, { headers: { 'content-type': 'text/event-stream' } })
  },
}
