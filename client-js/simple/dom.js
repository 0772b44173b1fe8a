/* dom.js - elements without innerHTML: text from metrics is never markup. */

/**
 * @param {string} tag
 * @param {Record<string, string | boolean | ((e: any) => void)>} [attributes] functions are listeners: {click: …}
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function')
            element.addEventListener(name, value);
        else if (typeof value === 'boolean')
            element.toggleAttribute(name, value);
        else
            element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
}

/** @param {string} id @returns {any} */
export function byId(id) {
    return document.getElementById(id);
}

/**
 * Sets text only when it differs, so that screen readers and layout are left in peace.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
    if (element.textContent !== text)
        element.textContent = text;
}

/** What was asked of the system about motion; changes while the page is open. */
export const calm = matchMedia('(prefers-reduced-motion: reduce)');
