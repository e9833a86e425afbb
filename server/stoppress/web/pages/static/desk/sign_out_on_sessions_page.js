/**
 * The page of sessions: signing out there is signing out at the desk.
 *
 * Rule: the forms that end this browser's session save what is unsent and leave nothing
 * behind; those of other sessions are plain.
 * @module
 */

import { EntryStore } from "./entry_store.js";
import { Outbox } from "./outbox.js";
import { byId } from "./status_messages_and_questions.js";
import { setUpSigningOut } from "./upload_drafts_at_sign_out.js";

const store = new EntryStore(byId("sessions").dataset.person);
const outbox = new Outbox(store);
setUpSigningOut({ store, outbox, leave() {} });
await store.open();
outbox.start();
