/**
 * What the widget's Markdown becomes before it becomes DOM: a tree that grows at its end. The
 * first `settled` children of a node are final; nothing to come changes them.
 */
interface Growing<Child> {
  children: Child[]
  settled: number
  /** How many of those are on the screen as they will stay. */
  drawn: number
}

export interface Document extends Growing<Block> {
  type: 'document'
}
export interface Quote extends Growing<Block> {
  type: 'quote'
}
export interface List extends Growing<Block> {
  type: 'list'
  /** The bullet, or what stands behind the numbers. */
  mark: string
  start: number
  /** There are blank lines between its items, or in one. */
  isLoose: boolean
}
export interface Item extends Growing<Block> {
  type: 'item'
  /** How far its marker is from the beginning of the line, and how far its text. */
  offset: number
  indent: number
}
export interface Paragraph extends Growing<Inline> {
  type: 'paragraph'
  source: string
  /** What is not settled begins there. */
  start: InlineStart
}
export interface Heading extends Growing<Inline> {
  type: 'heading'
  level: number
}
export interface Code extends Growing<never> {
  type: 'code'
  source: string
  lines: number
  /** As the model names it, or empty. */
  language: string
  fence: string
  indent: number
  isClosed: boolean
}
/** The first row is the head. */
export interface Table extends Growing<Row> {
  type: 'table'
  align: Align[]
}
export interface Row extends Growing<never> {
  type: 'row'
  cells: Inline[][]
}
export interface Rule extends Growing<never> {
  type: 'rule'
}

export type Container = Document | Quote | List | Item
export type Leaf = Paragraph | Heading | Code | Table | Rule
export type Block = Quote | List | Item | Leaf
export type Align = 'left' | 'center' | 'right' | ''

/** A place in a text, and the words before it that one text is made of with those behind it. */
export interface InlineStart {
  at: number
  words: string
}

/** A text, in which a `\n` is a line break of the source and shown as one, or an HTML element. */
export type Inline = string | InlineElement
export type InlineElement =
  | { type: 'strong' | 'em' | 'del' | 'code' | 'br'; children: Inline[] }
  | { type: 'a'; href: string; children: Inline[] }
