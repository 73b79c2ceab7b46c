// Elements, made and found. Text is text: nothing here or elsewhere on the page reads markup from a string.

/** The element of this id. */
export const byId = (id) => document.getElementById(id)

/** An element with these properties; `class` and `data` are what they say, children are elements or text. */
export function make(name, { class: classes, data, ...properties } = {}, ...children) {
  const element = document.createElement(name)
  if (classes) element.className = classes
  Object.assign(element.dataset, data)
  Object.assign(element, properties)
  element.append(...children)
  return element
}

/** An SVG element with these attributes. */
export function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

/** Sets an element's text, unless it says that already: screen readers and the layout are left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Tells those who do not see the page. */
export const announce = (text) => say(byId('announcement'), text)

/** The time on this machine in milliseconds since 1970, finer than a millisecond. */
export const now = () => performance.timeOrigin + performance.now()
