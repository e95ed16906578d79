// Reads a list of {schema, body} and writes a list of "" for a body that passes
// and the first error for one that does not.
import { validateBadRequestErrorResponse, validateForbiddenErrorResponse, validateUnauthorizedErrorResponse } from './node_modules/@rocket.chat/rest-typings/dist/v1/Ajv.js';
import { isUsersResetAvatarProps } from './node_modules/@rocket.chat/rest-typings/dist/v1/users.js';
import { isUserCreateParamsPOST } from './node_modules/@rocket.chat/rest-typings/dist/v1/users/UserCreateParamsPOST.js';
import { isUserSetAvatarParamsPOST } from './node_modules/@rocket.chat/rest-typings/dist/v1/users/UsersSetAvatarParamsPOST.js';
import { isUsersInfoParamsGetProps } from './node_modules/@rocket.chat/rest-typings/dist/v1/users/UsersInfoParamsGet.js';
import { isUsersUpdateParamsPOST } from './node_modules/@rocket.chat/rest-typings/dist/v1/users/UsersUpdateParamsPOST.js';

const schemas = {
	'users.info': isUsersInfoParamsGetProps,
	'users.create': isUserCreateParamsPOST,
	'users.update': isUsersUpdateParamsPOST,
	'users.setAvatar': isUserSetAvatarParamsPOST,
	'users.resetAvatar': isUsersResetAvatarProps,
	400: validateBadRequestErrorResponse,
	401: validateUnauthorizedErrorResponse,
	403: validateForbiddenErrorResponse,
};

let input = '';
for await (const chunk of process.stdin.setEncoding('utf8')) {
	input += chunk;
}
const verdicts = JSON.parse(input).map(({ schema, body }) => {
	const valid = schemas[schema];
	return valid(body) ? '' : valid.errors[0].message;
});
process.stdout.write(JSON.stringify(verdicts));
