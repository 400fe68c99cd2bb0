# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What may stand for a class of words, one a line; nothing that slipway prints is ever evaluated.
_slipway_words() {
	local class=$1 cur=$2
	shift 2
	case "$class" in
	model*) command slipway list -o name -q "$@" 2>/dev/null ;;
	ref*)
		case "$cur" in
		*@*)
			command slipway list "${cur%%@*}" -o name -q "$@" 2>/dev/null
			printf '%s\n' "${cur%%@*}@latest"
			_slipway_stages "$@" | sed "s|^|${cur%%@*}@|"
			;;
		*) command slipway list -o name -q "$@" 2>/dev/null | sed 's/$/@/' ;;
		esac
		;;
	stage*) _slipway_stages "$@" ;;
	plan*) command slipway plan list -o name -q "$@" 2>/dev/null ;;
	job*) command slipway job list -o name -q "$@" 2>/dev/null ;;
	target*) command slipway target list -o name -q "$@" 2>/dev/null ;;
	key*) command slipway key list -o name -q 2>/dev/null ;;
	schema*) command slipway schema -o name 2>/dev/null ;;
	setting*) command slipway config list -o name -q 2>/dev/null ;;
	verb*) _slipway_data verbs | tr ' ' '\n' ;;
	of*) printf '%s\n' "${class#of }" | tr ' ' '\n' ;;
	esac
	case "$class" in
	of*) ;;
	*' '*) printf '%s\n' "${class#* }" | tr ' ' '\n' ;;
	esac
}
_slipway_stages() {
	command slipway policy show -o tsv -q "$@" 2>/dev/null |
		sed -n 's/^stage	[0-9]* \([a-z0-9._-]*\).*/\1/p'
}
