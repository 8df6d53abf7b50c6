export interface Plant {
  readonly name: string
  readonly sow: string
  readonly deep: string
  readonly apart: string
  readonly water: string
  readonly beside: string
  readonly harm: string
  readonly ripe: string
  readonly keep: string
}

/** A row of the table below, as an object. */
function plant(row: string): Plant {
  const [name, sow, deep, apart, water, beside, harm, ripe, keep] = row.split(' | ')
  return { name, sow, deep, apart, water, beside, harm, ripe, keep } as Plant
}

/** name | sow | deep | apart | water | beside | harm | ripe | keep */
export const plants: readonly Plant[] = [
  'carrots | from March to July | 1 cm | 5 cm | lightly but often | onions and leeks | carrot fly | after twelve weeks | in damp sand in the cellar',
  'tomatoes | indoors in March | half a centimetre | 60 cm | deeply twice a week, never on the leaves | basil and parsley | blight | from July on, when they come off with a twist | at room temperature, as cold takes their taste',
  'beetroot | from April to June | 2 cm | 10 cm | once a week | lettuce and dill | leaf miners | at the size of a tennis ball | in boxes of sand',
  'runner beans | in the middle of May | 3 cm | 20 cm | a can for each pole every other day | savory and cucumber | black aphids | while the pods still snap | blanched, in the freezer',
  'peas | in March and April | 4 cm | 6 cm | only once they flower | radishes and carrots | mildew in hot weeks | when the pods are full but bright | shelled, in the freezer',
  'spinach | in March, and again in August | 2 cm | 8 cm | every second day in spring | strawberries | downy mildew | leaf by leaf after six weeks | for two days in a wet cloth',
  'courgettes | indoors in April | 2 cm | a metre | five litres every second day | nasturtiums and maize | mildew in August | at a hand long, every other day | grated, in the freezer',
  'leeks | indoors in February | 1 cm | 15 cm | evenly until autumn | celery and carrots | leek moth | from September until March | in the bed itself, under straw',
  'garlic | in October, as cloves | 5 cm | 12 cm | hardly at all | strawberries and roses | rust | when half of the leaves are yellow | in plaits in an airy shed',
  'pumpkins | indoors in late April | 3 cm | two metres | at the root, never over the leaves | maize and beans | slugs on young leaves | when the stalk is like cork | on a shelf at 12 degrees',
  'radishes | from March to September | 1 cm | 4 cm | daily in dry weeks | peas and lettuce | flea beetles | after four weeks | a week in a jar of water',
  'lettuce | every three weeks from March | barely covered | 25 cm | in the morning | kohlrabi and radishes | slugs | once the heart is firm | three days in the fridge',
  'potatoes | in April, as tubers | 10 cm | 35 cm | when they flower | horseradish | beetles with stripes | two weeks after the haulm has died | dark and cool, away from apples',
  'chard | in April | 2 cm | 30 cm | twice a week | cabbage and beans | leaf spot | outer leaves first, from July | two days in a damp cloth',
  'kale | in May | 1 cm | 50 cm | once a week | beetroot | caterpillars of the cabbage white | after the first frost | in the bed, all winter',
  'cucumbers | indoors in April | 2 cm | 50 cm | daily and warm | dill and beans | spider mites | while they are dark green | a week in the coolest room',
  'peppers | indoors in February | 1 cm | 45 cm | little and often | tomatoes and basil | aphids under glass | when they have their full colour | dried on a string',
  'onions | in March, as sets | 2 cm | 10 cm | until June, then no more | carrots and dill | onion fly | when the tops fall over | in nets under the roof',
  'fennel | in June | 1 cm | 25 cm | so that it never dries out | cucumbers and peas | bolting in dry heat | as soon as the bulb is round | ten days in the fridge',
  'celeriac | indoors in February | on top of the soil | 40 cm | a lot, all summer | leeks and cabbage | leaf spot | in October | in sand, until March',
  'sweetcorn | in May, in blocks | 4 cm | 35 cm | when the tassels show | pumpkins and beans | corn borers | when the silk is brown and the grains give milk | cooked and frozen on the same day',
  'rhubarb | in autumn, as a root | 3 cm | a metre | in dry springs | spinach | crown rot | from April to the end of June | in pieces, in the freezer',
  'parsnips | in April, with fresh seed | 2 cm | 12 cm | in long dry spells only | lettuce and radishes | canker | after a frost, which makes them sweet | in the ground until spring',
  'broad beans | at the end of February | 6 cm | 15 cm | once they flower | potatoes and savory | black aphids at the tips | while the scar on the bean is still green | shelled, in the freezer',
  'strawberries | in August, as runners | with the crown at the surface | 30 cm | at the root, mornings | garlic and borage | grey mould | when no white is left | as jam, or for one day',
].map(plant)
