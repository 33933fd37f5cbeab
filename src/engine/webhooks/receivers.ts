export function tenantOfReceiver(receiver: string): string {
  return receiver.split('\n', 1)[0] ?? '';
}

/** Stands after every receiver of the tenant and before those of the next one: no tenant has control characters. */
export function afterReceiversOf(tenant: string): string {
  return `${tenant}\v`;
}

/**
 * Tenant, and host and port of the URL: deliveries to one receiver wait for each other, those to others do not. Ordered
 * by name, the receivers of a tenant stand together.
 */
export function receiverOf({ tenant, url }: { readonly tenant: string; readonly url: string }): string {
  return `${tenant}\n${URL.parse(url)?.host ?? ''}`;
}
