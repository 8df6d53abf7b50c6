import { type Plant, plants } from './plants.ts'

export interface ExampleTurn {
  readonly message: string
  readonly reply: string
}

/** The visitor's first facts. None of the later turns repeats them. */
const firstTurns: readonly ExampleTurn[] = [
  {
    message: 'Hello! My name is Ada and I live in Bern. Do you help with vegetables too?',
    reply:
      'Hello Ada! Yes, with everything that grows in a bed, a pot or a greenhouse. What would you like to grow?',
  },
  {
    message: 'My dog is called Rex. Which plants should I keep away from him?',
    reply:
      'A handsome name. Keep Rex away from foxglove, lily of the valley, yew and the leaves of rhubarb: all of them are poisonous to dogs.',
  },
  {
    message: 'I am allergic to wasps. What can I do about them in summer?',
    reply:
      'Pick up fallen fruit every evening, keep the compost covered, and plant basil and marigolds around the table. Most of them then stay away.',
  },
  {
    message: 'My order number is 48213. Has it left already?',
    reply: 'Yes, order 48213 left our nursery this morning. The parcel takes two days.',
  },
  {
    message: 'My greenhouse is three metres long and faces south. Is that enough for tomatoes?',
    reply:
      'Plenty: six tomatoes fit in one row along the glass. In July it needs shade at noon, so keep an old sheet at hand.',
  },
  {
    message: 'Our budget is 200 francs for this year. What comes first?',
    reply:
      'Good compost, for about 60 francs. Then a watering can with a fine rose, a hand fork, and seeds for the rest. Boards for raised beds can wait.',
  },
]

/** Questions between those about plants. */
const otherTurns: readonly ExampleTurn[] = [
  {
    message: 'Are you open on Saturdays?',
    reply: 'Yes, from nine to four. On Sundays and holidays the nursery is closed.',
  },
  {
    message: 'How do I get rid of slugs without poison?',
    reply:
      'Lay a board beside the bed in the evening and collect them from below it in the morning. Coffee grounds and copper tape help for pots.',
  },
  {
    message: 'When is the last frost to be expected?',
    reply:
      'Around the middle of May. Until then, cover whatever is tender with fleece on clear nights.',
  },
  {
    message: 'What goes into compost, and what does not?',
    reply:
      'Peelings, grass, leaves, egg shells and coffee grounds do. Cooked food, meat, and weeds with seeds do not.',
  },
  {
    message: 'Can I use water from the rain barrel for everything?',
    reply:
      'For all that you cook or peel, yes. Wash salad that you eat raw, and give the barrel a lid against mosquitoes.',
  },
  {
    message: 'Which tools do I clean, and how often?',
    reply:
      'Secateurs after every day of cutting, with alcohol. Spades and forks before winter, with a brush and a drop of oil.',
  },
  {
    message: 'What does a raised bed cost me?',
    reply:
      'Boards of larch for two metres are 90 francs, and the filling is free if you use branches, leaves and your own compost.',
  },
  {
    message: 'How do I keep cats out of the seed bed?',
    reply: 'Lay twigs of hawthorn or a net over it until the seedlings are as high as your hand.',
  },
  {
    message: 'Is it too late for a green manure?',
    reply: 'No. Phacelia germinates until the end of August, rye until October.',
  },
  {
    message: 'How warm should seedlings stand indoors?',
    reply:
      'At 20 degrees until they come up, then at 16 and as bright as possible. Otherwise they grow long and fall over.',
  },
  {
    message: 'What helps against aphids?',
    reply:
      'A jet of water every other day, and patience: ladybirds come within two weeks. Soap water is for the worst cases only.',
  },
  {
    message: 'How do I save seeds for next year?',
    reply:
      'Begin with beans, peas and lettuce, which stay true. Let them dry on the plant, rub them out on a sunny day, and keep them in paper. Leave out everything that says F1 on its packet.',
  },
  {
    message: 'What can I do in the garden in January?',
    reply:
      'Sharpen the tools, look through the stored fruit and plan the beds. On a dry day you may cut back the currants. Leave the soil alone while it is wet or frozen.',
  },
  {
    message: 'Do you deliver soil, too?',
    reply: 'Yes, from ten bags on, every Thursday. Carrying it up the stairs costs 15 francs.',
  },
]

interface Subject {
  /** In turn, so that the same question comes in other words. */
  readonly asked: readonly string[]
  readonly answered: readonly string[]
}

/** A `{field}` stands for the plant's. */
const sowing: readonly Subject[] = [
  {
    asked: [
      'When do I sow {name}?',
      'What is the right time for {name}?',
      'Can I start {name} now?',
    ],
    answered: [
      'Sow {name} {sow}. Rake the bed fine two weeks before and let the first weeds come up, so that you can take them out in one go. The soil should be crumbly and no longer wet when the seeds go in. Fleece on top brings them up some days sooner.',
      'For {name} it is best {sow}. A week earlier or later does no harm, but cold and wet soil does: if a handful of it sticks together like dough, wait for three dry days. Sow a second lot after a fortnight, and you will not have everything at once.',
      'Start {name} {sow}. Our packets hold enough for about four metres. What you do not use stays good for two years in a jar with a spoon of rice, somewhere cool and dark. Write the year on it, since nobody remembers it later.',
    ],
  },
  {
    asked: [
      'How deep do I put {name}?',
      'How far apart do I plant {name}?',
      'How much space should I leave for {name}?',
    ],
    answered: [
      'The depth for {name} is {deep}, and the distance from one plant to the next is {apart}. Press the row down with the back of the rake, so that water rises to the seeds. Thin them out on a cloudy evening and water afterwards, which closes the holes.',
      'Give {name} {apart} on all sides, and put them in at {deep}. It looks like too much at first. In eight weeks the leaves will touch, and by then the air between them decides whether they stay healthy.',
      'For {name}, take {apart}, at a depth of {deep}. A string between two sticks keeps the row straight, and a straight row is quick to hoe. In pots, take at least ten litres of earth and two thirds of that distance.',
    ],
  },
  {
    asked: ['How much water should I give {name}?', 'How often do I water {name}?'],
    answered: [
      'Water {name} {water}. A layer of mulch two fingers thick saves half of the work, since the sun no longer reaches the ground. Grass that has dried for a day is fine for it, fresh grass begins to rot.',
      'The rule for {name}: {water}. Put a finger into the earth before you fetch the can. If it is dry down to the second joint, they are thirsty, and if it is only dry on top, tomorrow is early enough.',
      'Best {water}. With {name}, a big can once does more than a small one every day, because the roots follow the water down. Early in the morning is the best hour, as the leaves dry before night.',
    ],
  },
  {
    asked: ['What grows well beside {name}?', 'Which neighbours suit {name}?'],
    answered: [
      'Beside {name}, plant {beside}. They root at another depth and want their food at another time, so none of them goes short. Between the rows there is room for marigolds, which keep small worms away from the roots.',
      'A good company for {name}: {beside}. Do not put plants of the same family next to each other. They share their illnesses, and what harms one of them finds the next one within a day.',
      'Try {beside}. Old books say a lot about neighbours of {name}, and not all of it is true. But a mixed row is never empty all at once, and that alone keeps the soil alive.',
    ],
  },
]

const harvest: readonly Subject[] = [
  {
    asked: [
      'What should I look out for with {name}?',
      'Something is wrong with my {name}. What could it be?',
    ],
    answered: [
      'Most often it is {harm}. Look at both sides of the leaves in good light, and take away all that is affected, but not onto the compost. If new growth is clean after a week, you have won.',
      'With {name}, think of {harm} first. A fine net from the first day and some distance between the plants prevent most of it. Strong remedies are rarely worth their money in a small bed.',
      'It sounds like {harm}. Send us a photo if you can, with a coin beside it for the size. Until then, water at the root only and give no fertilizer: soft growth makes it worse.',
    ],
  },
  {
    asked: ['When do I harvest {name}?', 'How do I see that it is time to pick {name}?'],
    answered: [
      'Harvest {name} {ripe}. The best hour is the morning, when they are full of water and cool. A sharp knife is kinder than pulling, because a torn stem stays an open door for rot.',
      'Take {name} {ripe}. Do not wait for size: the biggest ones win prizes, and the smaller ones taste better. Pick often, and the plant goes on for longer.',
      'You can begin {ripe}. Try one first. If it still tastes of nothing, give the {name} another sunny week, and stop watering some days before.',
    ],
  },
  {
    asked: ['How do I store {name}?', 'What do I do with more {name} than I can eat?'],
    answered: [
      'Keep {name} {keep}. Sort out all that have spots or soft places, because one bad one is enough for the whole box. Look through them once a week and eat the doubtful ones first.',
      'The best place is {keep}. Leave the earth on and do not wash {name} before you need them: water takes away what protects them. The neighbours will be glad of the rest.',
      'That depends on the time you have: {keep}. And a jar of {name} in vinegar with mustard seeds and bay is a present that nobody forgets. We have a leaflet with five recipes at the till.',
    ],
  },
  {
    asked: [
      'What follows {name} in the same bed?',
      'May I put {name} into the same bed next year?',
    ],
    answered: [
      'Let three years pass before you put {name} into this bed again. Draw a plan with four fields and move everything by one field each spring, then you need not think about it again. A green manure in autumn closes the gap.',
      'Better not. After {name}, sow something of another family, for example phacelia, which is related to none of our vegetables. Spread two buckets of compost for each square metre in March.',
      'There are exceptions to the rule of changing beds, but not for {name}. Hungry plants come first, modest ones second, and beans or peas third, as they leave food in the ground. Then the round begins again.',
    ],
  },
]

function ask(subjects: readonly Subject[]): ExampleTurn[] {
  return plants.flatMap((about, row) =>
    subjects.map(({ asked, answered }, index) => ({
      message: fill(pick(asked, row + index), about),
      reply: fill(pick(answered, row + index), about),
    })),
  )
}

function fill(template: string, about: Plant): string {
  const text = template.replaceAll(/\{(\w+)\}/g, (_, field: keyof Plant) => about[field])
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function pick(texts: readonly string[], place: number): string {
  return texts[place % texts.length] ?? ''
}

/** Puts the other turns between these, at equal distances. */
function withOthers(turns: readonly ExampleTurn[], others: readonly ExampleTurn[]): ExampleTurn[] {
  const othersBefore = (index: number) => Math.floor((index * others.length) / turns.length)
  return turns.flatMap((turn, index) => [
    turn,
    ...others.slice(othersBefore(index), othersBefore(index + 1)),
  ])
}

/** A long conversation with the assistant of a nursery, oldest first. */
export const gardenChat: readonly ExampleTurn[] = [
  ...firstTurns,
  ...withOthers([...ask(sowing), ...ask(harvest)], otherTurns),
]
