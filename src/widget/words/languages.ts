import type { Words } from './words.ts'

interface Translation {
  words: Words
}

/** Each a file of its own, loaded where a page asks for it. */
const translations: Record<string, () => Promise<Translation>> = {
  ar: () => import('./translations/ar.ts'),
  de: () => import('./translations/de.ts'),
  es: () => import('./translations/es.ts'),
  fr: () => import('./translations/fr.ts'),
  ja: () => import('./translations/ja.ts'),
  pt: () => import('./translations/pt.ts'),
  zh: () => import('./translations/zh.ts'),
}

/** By a language tag such as `pt-BR`; `undefined` where there is no such translation. */
export function findTranslation(tag: string): (() => Promise<Translation>) | undefined {
  const [language = ''] = tag.toLowerCase().split('-')
  return Object.hasOwn(translations, language) ? translations[language] : undefined
}
