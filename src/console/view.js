import htm from 'htm';
import { h } from 'preact';

/** JSX as a tagged template, so that the browser runs the files as they are. */
export const html = htm.bind(h);

/** @typedef {import('preact').ComponentChildren} Children */
