# SPDX-License-Identifier: Apache-2.0
# The words before the cursor as verb, words behind it and the registry; sets the caller's variables.
function __slipway_read --no-scope-shadowing
	set verb ''
	set count 0
	set registry
	set flag ''
	set only_words ''
	for word in (commandline -opc)[2..-1]
		if test -n "$flag"
			contains -- $flag -R --registry; and set registry -R $word
			set flag ''
		else if test -z "$only_words"; and test "$word" = --
			set only_words 1
		else if test -z "$only_words"; and string match -q -- '-?*' $word
			set class (__slipway_data value "$verb" $word)
			string match -q -- '*=*' $word; or test -z "$class"; or set flag $word
			string match -q -- '--registry=*' $word; and set registry -R (string replace -- --registry= '' $word)
		else if test -z "$verb"
			set verb $word
		else if test $count -eq 0; and test -n (__slipway_data is_sub "$verb $word" | string collect --allow-empty)
			set verb "$verb $word"
		else
			set count (math $count + 1)
		end
	end
end
function __slipway_stages
	command slipway policy show -o tsv -q $argv 2>/dev/null | string match -rg '^stage\t[0-9]* ([a-z0-9._-]*)'
end
# What may stand for a class of words, one a line; nothing that slipway prints is ever evaluated.
function __slipway_words
	set class (string split ' ' -- $argv[1])
	set cur $argv[2]
	set registry $argv[3..-1]
	switch $class[1]
		case model
			command slipway list -o name -q $registry 2>/dev/null
		case ref
			if string match -q -- '*@*' $cur
				set name (string split -m1 @ -- $cur)[1]
				command slipway list $name -o name -q $registry 2>/dev/null
				echo $name@latest
				for stage in (__slipway_stages $registry)
					echo $name@$stage
				end
			else
				for name in (command slipway list -o name -q $registry 2>/dev/null)
					echo $name@
				end
			end
		case stage
			__slipway_stages $registry
		case plan job target
			command slipway $class[1] list -o name -q $registry 2>/dev/null
		case key
			command slipway key list -o name -q 2>/dev/null
		case schema
			command slipway schema -o name 2>/dev/null
		case setting
			command slipway config list -o name -q 2>/dev/null
		case verb
			string split ' ' -- (__slipway_data verbs)
		case file
			__fish_complete_path $cur
		case dir
			__fish_complete_directories $cur
	end
	for word in $class[2..-1]
		echo $word
	end
end
function __slipway
	__slipway_read
	set cur (commandline -ct)
	if test -n "$flag"
		__slipway_words (__slipway_data value "$verb" $flag) "$cur" $registry
	else if test -z "$only_words"; and string match -q -- '--*=*' $cur
		set pair (string split -m1 = -- $cur)
		for word in (__slipway_words (__slipway_data value "$verb" $pair[1]) "$pair[2]" $registry)
			echo $pair[1]=$word
		end
	else if test -z "$only_words"; and string match -q -- '-*' $cur
		string split ' ' -- (__slipway_data flags "$verb")
	else if test -z "$verb"
		string split ' ' -- (__slipway_data verbs)
	else
		set class (__slipway_data word "$verb" $count) (test $count -eq 0; and __slipway_data subs "$verb")
		__slipway_words "$class" "$cur" $registry
	end
end
complete -c slipway -f -a '(__slipway)'
