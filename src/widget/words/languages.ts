import type { Words } from './words.ts'

interface Translation {
  words: Words
}

/** Each translation is a file of its own, loaded only if the page asks for that language. */
const translations: Record<string, () => Promise<Translation>> = {
  ar: () => import('./translations/ar.ts'),
  de: () => import('./translations/de.ts'),
  es: () => import('./translations/es.ts'),
  fr: () => import('./translations/fr.ts'),
  ja: () => import('./translations/ja.ts'),
  pt: () => import('./translations/pt.ts'),
  zh: () => import('./translations/zh.ts'),
}

/** The loader for a language tag such as `pt-BR`; undefined if there is no such translation. */
export function findTranslation(tag: string): (() => Promise<Translation>) | undefined {
  const [language = ''] = tag.toLowerCase().split('-')
  return Object.hasOwn(translations, language) ? translations[language] : undefined
}
