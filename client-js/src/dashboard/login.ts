/* login.ts - a link with a token opens a display once: `#token=…` is never sent as an address. It is exchanged for a cookie that no
 * script can read, and taken out of the address bar. */

/** The token of the fragment, and the fragment without it. */
export function tokenOf(hash: string): { token: string; rest: string } {
    const params = new URLSearchParams(hash.replace(/^#/, ''));
    const token = params.get('token') ?? '';
    params.delete('token');
    const rest = params.toString().replace(/=(?=&|$)/g, '');
    return { token, rest: rest ? `#${rest}` : '' };
}

/** Before anything is asked of the server. Returns why it did not work; '' when there is nothing to say. */
export async function takeToken(): Promise<string> {
    const { token, rest } = tokenOf(location.hash);
    if (!token)
        return '';
    history.replaceState(history.state, '', location.pathname + location.search + rest);
    const answer = await fetch('/api/v1/login', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
    if (!answer)
        return 'the server cannot be reached: open the link again';
    return answer.ok ? '' : answer.status === 401 ? 'the token of this link is not accepted' : `the token of this link was refused (${answer.status})`;
}
