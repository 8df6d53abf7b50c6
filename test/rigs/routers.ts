import type { Page } from 'playwright-core'

/** The ways in which routers of other projects put the next page's content into the present document. */
export const routers = ['turbo', 'astro', 'htmx', 'innerHTML'] as const

export type Router = (typeof routers)[number]

interface RoutersOnPage {
  go: (router: Router, html: string) => void
  /** Shows the copy that Turbo has cached of the page before the last `go`. */
  goBack: () => void
  /** Turbo's page refresh by morphing: it removes the body's children that the new page does not have. */
  morph: (html: string) => void
}

/** Installs the routers as `globalThis.routers`; for `addInitScript`, so it uses nothing outside itself. */
export function installRouters(): void {
  let cached: HTMLElement | undefined
  const parse = (html: string) => new DOMParser().parseFromString(html, 'text/html')

  /** An inert script as one that runs, with the same attributes. A module of the same address does not run again. */
  function activate(script: HTMLScriptElement): HTMLScriptElement {
    const active = document.createElement('script')
    active.textContent = script.textContent
    active.async = false
    for (const { name, value } of script.attributes) active.setAttribute(name, value)
    return active
  }

  function activateAll(root: ParentNode): void {
    for (const script of root.querySelectorAll('script')) script.replaceWith(activate(script))
  }

  function showBody(body: HTMLElement): void {
    document.adoptNode(body)
    activateAll(body)
    document.body.replaceWith(body)
  }

  const swap: Record<Router, (next: Document) => void> = {
    /** Turbo, PageRenderer: caches a clone of the body, adds new head elements, replaces the body. */
    turbo(next) {
      cached = document.body.cloneNode(true) as HTMLElement
      document.documentElement.lang = next.documentElement.lang
      for (const element of next.head.children) {
        const isKnown = Array.from(document.head.children).some((each) => each.isEqualNode(element))
        if (isKnown) continue
        document.head.append(element instanceof HTMLScriptElement ? activate(element) : element)
      }
      showBody(next.body)
    },

    /** Astro, swap-functions: takes over the attributes of `html`, replaces head elements and the body. */
    astro(next) {
      const { documentElement, head } = document
      for (const { name } of Array.from(documentElement.attributes)) {
        documentElement.removeAttribute(name)
      }
      for (const { name, value } of next.documentElement.attributes) {
        documentElement.setAttribute(name, value)
      }
      for (const element of Array.from(head.children)) element.remove()
      head.append(...next.head.children)
      document.body.replaceWith(next.body)
    },

    /** htmx, swapInnerHTML: inserts the new content before the old one, then removes the old nodes one by one. */
    htmx(next) {
      const { body } = document
      activateAll(next.body)
      const first = body.firstChild!
      for (const node of Array.from(next.body.childNodes)) body.insertBefore(node, first)
      while (first.nextSibling) body.removeChild(first.nextSibling)
      body.removeChild(first)
    },

    innerHTML(next) {
      document.body.innerHTML = next.body.innerHTML
      activateAll(document.body)
    },
  }

  const onPage: RoutersOnPage = {
    go: (router, html) => swap[router](parse(html)),
    goBack: () => showBody(cached!),
    morph(html) {
      const next = parse(html).body
      for (const child of Array.from(document.body.children)) {
        const stays = Array.from(next.children).some((each) => each.isEqualNode(child))
        if (!stays && !child.hasAttribute('data-turbo-permanent')) child.remove()
      }
      for (const child of Array.from(next.children)) {
        const isThere = Array.from(document.body.children).some((each) => each.isEqualNode(child))
        if (!isThere) document.body.append(child)
      }
    },
  }
  Object.assign(globalThis, { routers: onPage })
}

/** Shows the next page. */
export function go(page: Page, router: Router, html: string): Promise<void> {
  return page.evaluate(
    ([name, text]) => (globalThis as unknown as { routers: RoutersOnPage }).routers.go(name, text),
    [router, html] as const,
  )
}

export function goBack(page: Page): Promise<void> {
  return page.evaluate('routers.goBack()')
}

export function morph(page: Page, html: string): Promise<void> {
  return page.evaluate(
    (text) => (globalThis as unknown as { routers: RoutersOnPage }).routers.morph(text),
    html,
  )
}
