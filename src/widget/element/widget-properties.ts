const textAttributes = ['server', 'name', 'greeting', 'placeholder', 'selection', 'theme'] as const

/** The attributes of the element. Each is a property too. */
export class WidgetProperties extends (globalThis.HTMLElement ?? Object) {
  static readonly observedAttributes = [
    ...textAttributes,
    'title',
    'lang',
    'suggestions',
    'inline',
    'receipts',
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

  get receipts(): boolean {
    return this.hasAttribute('receipts')
  }
  set receipts(isShown: boolean | string | null | undefined) {
    this.toggleAttribute('receipts', isTrue(isShown))
  }

  /** The attribute holds a JSON array, or questions separated by `|`. */
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
   * A method with a setter: some frameworks assign to a property of the attribute's name instead of setting the
   * attribute. Such an assignment must open the chat, not replace the method.
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

  /** Applies the properties that were assigned before the element was defined. */
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

/** Frameworks may assign the text of a boolean attribute, and its empty text means true. */
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
