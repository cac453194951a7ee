// The addresses and numbers of a text, hidden.

/** A text, and how much of it was hidden. */
export interface Masked {
  text: string;
  hidden: number;
}

const none = -1;

/** Where the run of what class matches begins that ends before at, but not before from. */
function runBefore(text: string, class_: RegExp, from: number, at: number): number {
  let start = at;
  while (start > from && class_.test(text.charAt(start - 1))) start--;
  return start;
}

/** Where the domain at from ends; none if it has no point behind its first character. */
function endOfDomain(text: string, from: number): number {
  const run = /[a-zA-Z0-9.-]*/y;
  run.lastIndex = from;
  const domain = run.exec(text)?.[0] ?? "";
  const length = runBefore(domain, /[.-]/, 0, domain.length);
  return domain.lastIndexOf(".", length - 1) > 0 ? from + length : none;
}

function addresses(text: string): Masked {
  const parts: string[] = [];
  let done = 0;
  for (let at = text.indexOf("@"); at !== none; at = text.indexOf("@", at)) {
    const start = runBefore(text, /[\w.+-]/, done, at);
    const end = endOfDomain(text, at + 1);
    if (start === at || end === none) {
      at++;
      continue;
    }
    parts.push(text.slice(done, start + 1), text.slice(at, end));
    done = at = end;
  }
  const hidden = parts.length / 2;
  parts.push(text.slice(done));
  // Each address is in two parts, with what is hidden in between.
  return { hidden, text: parts.reduce((all, p, i) => all + (i % 2 === 1 ? "***" : "") + p, "") };
}

const shown = 4;

function accounts({ text, hidden }: Masked): Masked {
  const masked = text.replace(/\d(?:[ -]?\d)*/g, (account) => {
    const digits = account.match(/\d/g)?.length ?? 0;
    if (digits < 12 || digits > 19) return account;
    hidden++;
    let at = 0;
    return account.replace(/\d/g, (digit) => (at++ < digits - shown ? "*" : digit));
  });
  return { text: masked, hidden };
}

export function mask(text: string): Masked {
  return accounts(addresses(text));
}
