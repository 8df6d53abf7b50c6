import { readFileSync } from 'node:fs'

export const languages = ['en', 'de', 'ja', 'zh', 'th', 'ar'] as const

export type Language = (typeof languages)[number]

export interface ChatTurn {
  message: string
  reply: string
}

export interface Question {
  text: string
  /** Names of the facts that answer it. */
  facts: string[]
  /** Indices of the turns that state them. */
  evidence: number[]
  hard: string | undefined
}

export interface Chat {
  turns: ChatTurn[]
  questions: Question[]
}

/** Reads the turns of a language, and the questions that are asked after them. README.md explains the format. */
export function readTestSet(language: Language): Chat {
  const text = readFileSync(new URL(`${language}.txt`, import.meta.url), 'utf8')
  const statedIn = new Map<string, number[]>()
  const turns = [...text.matchAll(/^\[(\d+)(?: ([\w ]+))?\]\nV: (.+)\nA: (.+)$/gm)].map(
    ([, place, names, message = '', reply = ''], index) => {
      if (Number(place) !== index + 1) throw new Error(`${language}: turn ${place} is out of order`)
      for (const fact of names?.split(' ') ?? [])
        statedIn.set(fact, [...(statedIn.get(fact) ?? []), index])
      return { message, reply }
    },
  )
  const questions = [...text.matchAll(/^\? ([\w ]+?)(?: \((\w+)\))?: (.+)$/gm)].map(
    ([, names = '', hard, question = '']) => {
      const facts = names.split(' ')
      const evidence = facts.flatMap((fact) => statedIn.get(fact) ?? [])
      if (facts.some((fact) => !statedIn.has(fact)))
        throw new Error(`${language}: no turn states ${names}`)
      return { text: question, facts, evidence, hard }
    },
  )
  return { turns, questions }
}
