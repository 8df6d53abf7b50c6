import type { ForwardRefExoticComponent, RefAttributes } from 'react'
import type { ChatbotWidgetElement, ChatbotWidgetProps } from '../widget-types.ts'

/*
 * The types of the React component. The Worker serves this file as `/ChatbotWidget.d.ts`. It belongs beside
 * `/ChatbotWidget.js` and `/widget.d.ts`.
 */
export declare const ChatbotWidget: ForwardRefExoticComponent<
  ChatbotWidgetProps & RefAttributes<ChatbotWidgetElement>
>
export default ChatbotWidget
