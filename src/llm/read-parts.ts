import { type CompletionPart, partOfEvent, partsOfDocument } from './completion-part.ts'
import { createEventReader } from './read-events.ts'

/**
 * More than a whole completion of the longest reply takes as JSON. An event or a document that is longer is a fault, so that
 * no answer can fill the memory.
 */
const mostJsonChars = 8 * 1024 * 1024

/** The body is a web page: of a gateway, a sign-in, a wrong URL. */
export class WebPageError extends Error {}

/** Reads a body packet by packet. Undefined, of a packet or of the end, means that nothing was said. */
interface BodyReader {
  read(packet: string): CompletionPart[] | undefined
  end(): CompletionPart[] | undefined
}

/**
 * Reads an answer, whatever its content type says: a stream of events, or one JSON document from a server that does not
 * stream or that reports an error with status 200. Yields the parts of one network packet at a time.
 * @throws WebPageError, SyntaxError if it is neither
 */
export async function* readParts(
  packets: AsyncIterable<string>,
): AsyncGenerator<CompletionPart[], void> {
  let reader: BodyReader | undefined
  for await (const packet of packets) {
    // Servers send line ends before their answer, as a sign of life.
    const text = reader === undefined ? packet.trimStart() : packet
    if (text === '') continue
    reader ??= readerOf(text)
    const parts = reader.read(text)
    if (parts !== undefined) yield parts
  }
  const parts = (reader ?? eventReader()).end()
  if (parts !== undefined) yield parts
}

function readerOf(head: string): BodyReader {
  if (head.startsWith('<')) throw new WebPageError('The answer is a web page')
  return /^[{[]/.test(head) ? documentReader() : eventReader()
}

function eventReader(): BodyReader {
  const readEvents = createEventReader(mostJsonChars)
  let hasEvents = false
  function read(packet: string): CompletionPart[] | undefined {
    const events = readEvents(packet)
    hasEvents ||= events.length > 0
    const parts = events.map(partOfEvent).filter((part) => part !== undefined)
    return parts.length > 0 ? parts : undefined
  }
  return {
    read,
    end() {
      // The blank line after the last event may be missing. If half an event is left, the stream was cut off inside it.
      const parts = read('\n\n')?.filter(({ fault }) => !(fault instanceof SyntaxError))
      if (!hasEvents) throw new SyntaxError('The answer has no events')
      return parts
    },
  }
}

function documentReader(): BodyReader {
  const packets: string[] = []
  let chars = 0
  return {
    read(packet) {
      packets.push(packet)
      chars += packet.length
      if (chars > mostJsonChars) throw new SyntaxError('The JSON is too long')
      return undefined
    },
    end: () => partsOfDocument(packets.join('')),
  }
}
