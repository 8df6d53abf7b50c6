import type { EndedTurn } from '../../turn/complete-turn.ts'
import type { TurnNews } from '../../turn/watch.ts'
import { type NativeRendering, renderNative } from './native.ts'

/**
 * The data that a renderer of a reply needs, by the protocol of its client: plain, since the object of a live reply renders it too.
 */
export type Rendering = NativeRendering

/** Renders the news of a reply, one after the other. */
export type Renderer = (news: TurnNews<EndedTurn>) => string

export function rendererOf(rendering: Rendering): Renderer {
  switch (rendering.protocol) {
    case 'native':
      return renderNative(rendering)
  }
}
