/** Elements without a framework. */

const SVG = 'http://www.w3.org/2000/svg'

/** The element with this id. */
export const $ = id => document.getElementById(id)

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (name === 'class') node.setAttribute('class', value)
    else if (name === 'data') Object.assign(node.dataset, value)
    else if (name === 'variables') {
      // Set through the CSSOM: the page's policy refuses style attributes.
      for (const [property, content] of Object.entries(value)) node.style.setProperty(`--${property}`, content)
    } else node.setAttribute(name, value === true ? '' : value)
  }
  node.append(
    ...children
      .flat(Number.POSITIVE_INFINITY)
      .filter(child => child !== null && child !== undefined && child !== false),
  )
  return node
}

/** An HTML element with attributes (`data` for data-*, `variables` for custom properties) and children. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

/** An icon out of the sprite in index.html. */
export function icon(name) {
  return svg('svg', { class: 'icon', 'aria-hidden': 'true' }, svg('use', { href: `#icon-${name}` }))
}

/** localStorage that never throws. */
export const storage = {
  get(key) {
    try {
      return localStorage.getItem(`wirewright.${key}`)
    } catch {
      return null
    }
  },
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(`wirewright.${key}`)
      else localStorage.setItem(`wirewright.${key}`, value)
    } catch {
      // Not remembered, then.
    }
  },
}
