/** Which of the servers is meant: none but one that takes writes is used anyway. */
const attributes = /([?&])target_session_attrs=(?:any|read-write|primary|prefer-standby)(?:&|$)/;

/**
 * The URLs of the servers that a URL names, as libpq's may: `postgres://user@a:5432,b:5432/name` names two. Of any other URL, the
 * URL itself.
 */
export function splitServers(url: string): readonly string[] {
  const parts = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^/?]*)(.*)$/s.exec(url);
  if (parts === null) return [url];
  const [, before = '', hosts = '', after = ''] = parts;
  const path = after.replace(attributes, '$1').replace(/[?&]$/, '');
  return hosts.split(',').map((host) => `${before}${host}${path}`);
}
