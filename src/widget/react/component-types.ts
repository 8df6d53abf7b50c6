import type { ForwardRefExoticComponent, RefAttributes } from 'react'
import type { ChatbotWidgetElement, ChatbotWidgetProps } from '../widget-types.ts'

/*
 * The types of the React component: the Worker serves this file as `/ChatbotWidget.d.ts`, to be
 * kept beside `/ChatbotWidget.js` and `/widget.d.ts`.
 */
export declare const ChatbotWidget: ForwardRefExoticComponent<
  ChatbotWidgetProps & RefAttributes<ChatbotWidgetElement>
>
export default ChatbotWidget
