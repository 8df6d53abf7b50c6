import { capitalise } from './wording.ts'

const samples: Readonly<Record<string, string>> = {
  heading: '# A heading\n\n## A smaller one\n\n### And a third',
  emphasis: 'Some *emphasis*, something **strong**, `code` and ~~what was wrong~~.',
  list: '- apples\n- pears\n- plums',
  'numbered list': '1. wake up\n2. write a test\n3. see it fail',
  'nested list': '- fruit\n  - apples\n  - pears\n    - Williams\n- bread\n  1. rye\n  2. wheat',
  code: "```js\nconst greet = (name) => `Hello, ${name}!`\nconsole.log(greet('Ada')) // 1 < 2 && 3 > 2\n```",
  table: '| planet | moons |\n|---|---:|\n| Earth | 1 |\n| Mars | 2 |\n| Jupiter | 95 |',
  quote: '> A quotation of two lines,\n> which is one paragraph.\n>\n> And a second paragraph.',
  link: 'A [link](https://example.com/) and a bare one: https://example.com/?a=1&b=2',
}

const imageSample = 'An image: ![a cat](https://example.com/cat.png)'

/** A sample of one kind of Markdown, such as `table`; for `markdown`, all samples except the image. */
export function sampleOf(name: string): string | undefined {
  if (name === 'markdown') return Object.values(samples).join('\n\n')
  return name === 'image' ? imageSample : samples[name]
}

const vocabulary =
  'the river carries small boats past quiet gardens while children wave and old bridges keep their shadows cool until evening comes and lamps are lit along both banks'.split(
    ' ',
  )

/** Writes exactly this many words, at most 20,000, in sentences of 12 and paragraphs of 60. */
export function writeWords(wanted: number): string {
  const total = Math.min(wanted, 20_000)
  let text = ''
  for (let index = 0; index < total; index += 1) {
    const word = vocabulary[index % vocabulary.length] ?? ''
    const isLast = index % 12 === 11 || index === total - 1
    text += index % 12 === 0 ? capitalise(word) : word
    if (isLast) text += '.'
    if (index < total - 1) text += index % 60 === 59 ? '\n\n' : ' '
  }
  return text
}
