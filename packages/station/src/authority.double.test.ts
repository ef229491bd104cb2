import { AuthorityDouble } from './authority.double.ts';
import { authorityContractSuite } from './authority-client.suite.ts';
import { gatewayIds, gatewayText } from './bench.double.ts';

authorityContractSuite('the double', gatewayText, async () => ({
  client: new AuthorityDouble({ contractText: gatewayText, deviceIds: gatewayIds }),
  deviceIds: gatewayIds,
  badge: 'OP-1001',
  close: async () => undefined,
}));
