import type {
  Admin,
  AdminFor,
  BulkCommand,
  DeliverySelection,
  ManualRun,
  RunListQuery,
  RunSelection,
  TryMapping,
} from '../contract/api/admin.ts';
import type { Reveal, Whoami } from '../contract/api/admin-reports.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Role, StopName } from '../contract/domain/operator.ts';
import type { Principal } from '../contract/domain/principal.ts';

type Actions = ReturnType<AdminFor>;

/** How an actor without a name is called: there is no authentication, and only this machine can connect. */
const nameless = 'anonymous';

/**
 * The admin API as one principal may use it. A viewer reads; an operator acts too, and sees payloads. The role holds for
 * all tenants and agents, whatever the principal's own.
 */
export class AuthorizedAdmin implements Admin {
  readonly #principal: Principal;
  readonly #adminFor: AdminFor | null;
  #actions: Actions | null = null;

  /** @param adminFor null: this listener does not serve it. */
  constructor(principal: Principal, adminFor: AdminFor | null) {
    this.#principal = principal;
    this.#adminFor = adminFor;
  }

  whoami(): Whoami {
    return { name: this.#principal.name ?? nameless, tenant: this.#principal.tenant, role: this.#role };
  }

  overview: Admin['overview'] = () => this.#view.overview();
  findRuns = (query: RunListQuery) => this.#view.findRuns(query);
  countRuns = (selection: RunSelection) => this.#view.countRuns(selection);
  findRun = (runId: string, reveal: readonly Reveal[]) =>
    (reveal.length === 0 ? this.#view : this.#act).findRun(runId, reveal);
  /** A dry run changes nothing. */
  cancelRuns = (command: BulkCommand) => (command.isDryRun ? this.#view : this.#act).cancelRuns(command);
  replayRuns = (command: BulkCommand) => (command.isDryRun ? this.#view : this.#act).replayRuns(command);
  startRun = (run: ManualRun) => this.#act.startRun(run);
  resumeRun = (runId: string, payload: Json) => this.#act.resumeRun(runId, payload);
  backends: Admin['backends'] = () => this.#view.backends();
  backend = (name: string) => this.#view.backend(name);
  probeBackend = (name: string) => this.#act.probeBackend(name);
  queues: Admin['queues'] = () => this.#view.queues();
  replicas: Admin['replicas'] = () => this.#view.replicas();
  setDrain = (replica: string, shouldDrain: boolean) => this.#act.setDrain(replica, shouldDrain);
  setDebugLog: Admin['setDebugLog'] = (scope) => this.#act.setDebugLog(scope);
  deliveries: Admin['deliveries'] = (selection) => this.#view.deliveries(selection);
  redrive = (selection: DeliverySelection) => this.#act.redrive(selection);
  agents: Admin['agents'] = () => this.#view.agents();
  tryMapping = (trial: TryMapping) => this.#act.tryMapping(trial);
  config: Admin['config'] = (options) => this.#view.config(options);
  checkConfig = (text: string | null) => this.#view.checkConfig(text);
  reloadConfig: Admin['reloadConfig'] = () => this.#act.reloadConfig();
  schedules: Admin['schedules'] = () => this.#view.schedules();
  caps: Admin['caps'] = () => this.#view.caps();
  stops: Admin['stops'] = () => this.#view.stops();
  stop = (name: StopName, reason: string) => this.#act.stop(name, reason);
  lift = (name: StopName) => this.#act.lift(name);
  watch: Admin['watch'] = (lastSeen) => this.#view.watch(lastSeen);

  get #role(): Role {
    const { role } = this.#principal;
    if (role === undefined || role === null) throw refuse('viewer or operator');
    return role;
  }

  get #view(): Actions {
    return this.#as(this.#role);
  }

  get #act(): Actions {
    if (this.#role !== 'operator') throw refuse('operator');
    return this.#as('operator');
  }

  #as(role: Role): Actions {
    const { name, tenant } = this.#principal;
    if (this.#adminFor === null) throw new GatewayError('route_not_found');
    this.#actions ??= this.#adminFor({ name: name ?? nameless, tenant, role });
    return this.#actions;
  }
}

function refuse(needed: string): GatewayError {
  return new GatewayError('role_required', { detail: `it takes the role ${needed}` });
}
