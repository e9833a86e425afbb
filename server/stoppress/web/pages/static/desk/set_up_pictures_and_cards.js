/**
 * What can be attached to a post in the composer: uploaded pictures and link cards.
 * @module
 */

import { LinkCardOffer } from "./link_card_offer.js";
import { PictureUpload } from "./composer_pictures.js";

/**
 * @param {HTMLFormElement} root
 * @param {import("./post_form.js").PostForm} form
 * @param {import("./link_card_offer.js").OpenText & {person: string, changed: () => void}} open
 */
export function setUpAttachments(root, form, open) {
  new PictureUpload(root, { ...open, add: (medium) => form.addMedium(medium) });
  new LinkCardOffer(root, form, open);
}
