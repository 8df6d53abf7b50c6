const textAttributes = ['server', 'name', 'greeting', 'placeholder', 'selection', 'theme'] as const

/** The element's attributes, each of them a property too. */
export class WidgetProperties extends (globalThis.HTMLElement ?? Object) {
  static readonly observedAttributes = [
    ...textAttributes,
    'title',
    'lang',
    'suggestions',
    'inline',
    'open',
  ] as const

  declare server: string
  declare name: string
  declare greeting: string
  declare placeholder: string
  declare selection: string
  declare theme: string

  get inline(): boolean {
    return this.hasAttribute('inline')
  }
  set inline(isInline: boolean | string | null | undefined) {
    this.toggleAttribute('inline', isTrue(isInline))
  }

  /** The attribute is a JSON array, or questions with `|` between them. */
  get suggestions(): string[] {
    const text = this.getAttribute('suggestions') ?? ''
    try {
      const list: unknown = JSON.parse(text)
      if (Array.isArray(list)) return list.filter((each) => typeof each === 'string')
    } catch {}
    return text
      .split('|')
      .map((each) => each.trim())
      .filter(Boolean)
  }
  set suggestions(questions: readonly string[] | string | null | undefined) {
    setText(
      this,
      'suggestions',
      typeof questions === 'object' && questions ? JSON.stringify(questions) : questions,
    )
  }

  /**
   * A method. A framework that finds the name on the element assigns to it instead of setting the
   * attribute: that must open the chat, not take the method's place.
   */
  get open(): () => void {
    return () => this.setAttribute('open', '')
  }
  set open(isOpen: boolean | string | null | undefined) {
    this.toggleAttribute('open', isTrue(isOpen))
  }

  close(): void {
    this.removeAttribute('open')
  }

  /** Takes up what was assigned before the element was defined. */
  protected takeUpProperties(): void {
    for (const name of Object.keys(this)) {
      const value: unknown = Reflect.get(this, name)
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, value)
    }
  }
}

function setText(element: HTMLElement, name: string, value: string | null | undefined): void {
  if (value === null || value === undefined) element.removeAttribute(name)
  else element.setAttribute(name, value)
}

/** Of an attribute, which a framework may assign as it would set it: it is there, and be it empty. */
function isTrue(value: boolean | string | null | undefined): boolean {
  return value === '' || Boolean(value)
}

for (const name of textAttributes) {
  Object.defineProperty(WidgetProperties.prototype, name, {
    get(this: HTMLElement) {
      return this.getAttribute(name) ?? ''
    },
    set(this: HTMLElement, value: string | null | undefined) {
      setText(this, name, value)
    },
  })
}
