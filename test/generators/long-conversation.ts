import { exactTokens } from '../rigs/exact-tokens.ts'

export interface SpokenTurn {
  message: string
  reply: string
}

/**
 * One visitor's conversation with a home store, the same for the same seed. The visitor stays with a subject for some turns
 * and comes back to it later, often with words that were not said before, and sometimes says only a few words. The
 * lengths are log-normal, with medians of 30 tokens for messages and 200 for replies.
 */
export function longConversation(turns: number, { seed }: { seed: number }): SpokenTurn[] {
  const random = randomFrom(seed)
  const say = speaker(random)
  let subject = subjects[0] ?? []
  return Array.from({ length: turns }, () => {
    if (random() < 0.3) subject = subjects[Math.floor(random() ** 2 * subjects.length)] ?? []
    const isNew = random() < 0.4 ? 0.95 : 0.1
    const message =
      random() < 0.15 ? pick(random, remarks) : say(questions, subject, { medianTokens: 30, isNew })
    return { message, reply: say(statements, subject, { medianTokens: 200, isNew: 0.05 }) }
  })
}

function speaker(random: () => number) {
  const word = (subject: readonly string[], isNew: number) => {
    if (random() < isNew) return newWord(random)
    const drawn = random()
    if (drawn < 0.5) return pick(random, subject)
    return pick(random, drawn < 0.9 ? things : pick(random, subjects))
  }
  return (
    sentences: readonly string[],
    subject: readonly string[],
    { medianTokens, isNew }: { medianTokens: number; isNew: number },
  ) => {
    const wanted = Math.round(medianTokens * Math.exp(0.6 * normal(random)))
    const words: string[] = []
    let tokens = 0
    while (tokens < wanted) {
      const sentence = pick(random, sentences).replaceAll('_', () => word(subject, isNew))
      for (const each of sentence.split(' ')) {
        if (tokens >= wanted) break
        words.push(each)
        tokens += exactTokens(` ${each}`).length
      }
    }
    return words.join(' ')
  }
}

/** A name or a number, as orders, persons and products have them. */
function newWord(random: () => number): string {
  if (random() < 0.5) return String(10_000 + Math.floor(90_000 * random()))
  const syllables = Array.from({ length: 3 }, () =>
    pick(random, 'bralomkentisovarulimadopre'.match(/../g) ?? []),
  )
  return syllables.join('')
}

function pick<Item>(random: () => number, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Mulberry32, from 0 up to 1. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const remarks = [
  'Yes, please.',
  'Thanks! And how long does that take?',
  'Why is that?',
  'Can you say that again in fewer words?',
  'What would you do in my place?',
  'Hmm, I am not sure about it yet.',
]

const questions = [
  'Do I need a _ for the _, or is the _ enough?',
  'My _ came without the _, and now the _ makes a noise. What can I do?',
  'Is the _ with the _ still to be had before the _?',
  'I bought a _ last month. Would it go with the _ in our _?',
  'How do I clean the _ without hurting the _?',
  'We move in spring, so the _ has to fit beside the _ and the _.',
  'What does it cost to send a _ and two of the _?',
]

const statements = [
  'The _ goes with every _ that has a _ of the same size.',
  'Before you begin, take the _ off and let the _ dry for an hour.',
  'If the _ does not sit well, turn the _ a little and try the _ again.',
  'Most people choose the _ because it lasts longer than a _.',
  'You can return the _ within thirty days, as long as the _ is whole.',
  '**Please note:** the _ must never touch the _.',
  'In that case I would order the _ first and wait with the _ until the _ is there.',
  'A good _ needs a _ once a year, and the _ should be checked as well.',
  'As I said, the _ is the better choice for a small _.',
]

/** Words that belong to no subject. */
const things =
  'price order delivery week box room wall door floor colour size part store visit receipt friend garden evening weight side corner house table window place year model set handle cover'.split(
    ' ',
  )

/** From the one most often talked about to the one least often. */
const subjects = [
  'mattress slats pillow bedframe headboard duvet topper springs linen blanket bedroom sleeper',
  'kettle toaster blender oven stove dishwasher fridge freezer hob microwave grill mixer',
  'lamp bulb dimmer lantern shade socket switch candle chandelier spotlight cable transformer',
  'drill hammer screwdriver saw pliers wrench nails sander ladder toolbox clamp chisel',
  'sofa armchair cushion footstool recliner upholstery leather fabric velvet couch bench rocker',
  'curtain blind rod pleats hooks lining shutter awning drapes valance tassel roller',
  'paint primer brush varnish wallpaper plaster turpentine stencil tape pigment lacquer trowel',
  'lawnmower hedge shovel rake compost seedlings trellis sprinkler hose fertiliser pruner wheelbarrow',
  'bathtub shower faucet towel basin mirror tiles grout drain bidet soap cabinet',
  'bookcase shelf bracket dowel cupboard drawer wardrobe hanger hinge dresser sideboard knob',
  'rug carpet parquet laminate underlay skirting mat cork vinyl doormat runner fringe',
  'camera doorbell alarm sensor siren padlock keypad intercom router battery antenna charger',
  'crib stroller highchair playpen mobile rattle nursery changing bassinet monitor swing toddler',
  'desk lectern stapler monitor keyboard calendar whiteboard organiser pinboard printer folder headset',
  'plant fern orchid cactus pot saucer soil vase bonsai ivy watering palm',
  'heater radiator thermostat boiler chimney fireplace insulation vent fan humidifier purifier stovepipe',
  'knife skillet saucepan colander whisk ladle apron grater spatula casserole chopping rolling',
  'bicycle helmet saddle pedal pump panniers tyre spokes brakes trailer chain rack',
  'tent hammock lantern cooler parasol barbecue picnic deckchair gazebo charcoal tarpaulin torch',
  'piano guitar speaker turntable amplifier headphones microphone stool strings pedalboard metronome vinyls',
].map((words) => words.split(' '))
