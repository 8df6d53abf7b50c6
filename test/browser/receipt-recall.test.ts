import { expect, test } from 'vitest'
import type { Receipt } from '../../src/protocol-receipt.ts'
import { hostScript, visitHost } from '../rigs/host-page.ts'
import { callApi, storedMessages } from '../rigs/page-api.ts'
import { expectProportions, receiptLine, receiptTools, receiptView } from '../rigs/receipt-page.ts'
import { setUpSite } from '../rigs/visit-page.ts'

/** Few turns fit, so that older ones must be recalled. */
const site = setUpSite({
  vars: { CONTEXT_TOKEN_BUDGET: '400', MAX_COMPLETION_TOKENS: '100', RECALL_TOKENS: '200' },
})

test('the turns that the Worker recalled for a reply are shown, with their words', async () => {
  const chat = await visitHost(site, { body: hostScript('data-receipts data-open') })
  const fillers = Array.from({ length: 8 }, () => 'Write 60 words')
  for (const message of ['My badger is called Rex.', ...fillers, 'Which badger?']) {
    await chat.say(message)
    await chat.page.locator('.user .body').last().getByText(message).waitFor()
    await chat.settled()
  }
  await receiptTools(chat).last().click()
  const { id } = (await storedMessages(chat)).at(-1)!
  const receipt: Receipt = await callApi(chat, `/v1/sessions/:session/messages/${id}/context`)
  await expectProportions(chat, receipt)
  const [turn] = receipt.parts.flatMap((part) => (part.part === 'recalled' ? part.turns : []))
  expect(turn).toMatchObject({ seq: 1, because: 'words' })
  await receiptLine(chat, 'Recalled:').click()
  await receiptLine(chat, `${turn!.created_at.slice(0, 10)}, message 1: has badger`).click()
  await receiptView(chat).getByText('Visitor: My badger is called Rex.').waitFor()
  await receiptLine(chat, 'Left out:').click()
  await receiptView(chat).getByText('older than the window, and not recalled').waitFor()
})
